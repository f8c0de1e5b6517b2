"""What tests share: strategies, small data, servers, programs and the ways of running the command line."""
