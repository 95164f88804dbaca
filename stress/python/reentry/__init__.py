"""What the scenario `reentry` is made of: calls, arguments that run code, ways for code to run, what it does, and the map it does it to."""
