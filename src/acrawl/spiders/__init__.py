"""Ready-made spiders: crawls that need no code of the user's."""
