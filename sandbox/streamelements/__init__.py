"""A fake StreamElements: points, loyalty and bot of its REST API (kappa/v2), and the Astro socket.
Behaviour is from StreamElements' documentation; where that is unclear, a fault decides."""
