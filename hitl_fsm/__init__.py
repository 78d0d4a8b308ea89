"""hitl-fsm."""
