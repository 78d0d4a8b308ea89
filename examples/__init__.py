"""Small programs that run offline from a script, and with a real model after one line was changed."""
