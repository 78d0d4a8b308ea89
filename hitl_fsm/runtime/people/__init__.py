"""What people say to a run: answers, grants, delegations, overrides; and how often they may be asked."""
