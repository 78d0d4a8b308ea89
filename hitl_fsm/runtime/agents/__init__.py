"""Agents and teams: what an application declares of them, and what one turn of their model is made of."""
