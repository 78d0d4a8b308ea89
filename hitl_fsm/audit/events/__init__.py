"""Every event of the record as a model: what a line may say, and what a reviewer learns from it (needs pydantic)."""
