"""The parts of the benchmarks: what runs, what is made of the figures, and how they are shown."""
