"""What proposers are compared on, a file for each family of problems."""
