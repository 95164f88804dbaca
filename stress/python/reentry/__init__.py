"""The parts of the scenario `reentry`: calls, arguments, triggers, actions and the map."""
