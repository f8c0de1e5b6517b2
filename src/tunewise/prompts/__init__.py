"""What is said to the model (templates) and how its reply is read (parse)."""
