"""What tests of several folders share: builders of real records, stores, servers."""
