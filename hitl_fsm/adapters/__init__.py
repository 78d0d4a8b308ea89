"""The ports made real: stores and models. Adapters import neither the runtime nor each other's libraries."""
