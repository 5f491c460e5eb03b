"""From arrays to annotations: one decoder a kind of task, under the kind's name, and none of them needs torch.

A head gives arrays (scores, best labels, probabilities), wherever it is run; its kind's decoder makes legal tags, trees
and spans of them. So a model answers alike in torch and out of it.
"""
