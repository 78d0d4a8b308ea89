"""What people are asked, see, and answer."""
