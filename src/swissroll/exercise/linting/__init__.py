"""The exercise's laws for anybody's loss, sampler or model: what is a mistake there, and what is a choice."""
