"""The whole engine against a tiny reference: any order of people, policies, clocks and crashes."""
