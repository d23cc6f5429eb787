"""What stands behind the Scoreboard: alternatives, merges, judgements."""
