package rules

// Miscounted reports whether the participants are not as many as are counted.
func (c *Conversation) Miscounted() bool {
	was := c.enrolled
	c.countEnrolled()
	return c.enrolled != was
}
