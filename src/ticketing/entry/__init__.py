"""Where processes start: configuration, server, command line. Alone in picking stores and gateways."""
