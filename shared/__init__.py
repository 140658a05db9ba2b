"""Everything the functions do. Layers, top to bottom: root > verbs > plan > steps > tenant | tables | bus > nouns."""
