"""What tests share: fakes, samples, and servers on loopback."""
