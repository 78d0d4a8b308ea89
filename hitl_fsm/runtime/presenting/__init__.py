"""What a person is shown of one question."""
