"""What drives the core: the engine, agents, tools and the loop that commits before it acts."""
