"""Use cases of notify: facts become deliveries, deliveries are sent, a mail is sent again."""
