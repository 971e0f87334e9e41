"""The prover: a child process that finds a fill's place in its batch, started when it is first asked."""
