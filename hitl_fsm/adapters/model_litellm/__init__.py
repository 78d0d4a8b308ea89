"""Any model, through LiteLLM."""
