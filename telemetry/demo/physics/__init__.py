"""The physics of the built-in car: chassis, tyres, engine."""
