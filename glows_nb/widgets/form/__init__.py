"""Forms that choose: the launch form and the spec picker."""
