"""All that AWS SageMaker Ground Truth asks for, each rule with its source."""
