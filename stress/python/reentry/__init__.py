"""The parts of the scenario `reentry`: calls, arguments and triggers that run code, actions, and the map."""
