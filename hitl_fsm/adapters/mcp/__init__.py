"""Tools of MCP servers: sessions over stdio and streamable HTTP, what they declare, what they answer."""
