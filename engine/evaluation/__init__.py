"""Accuracy of methods on transfers whose target labels are known.

``transfers`` reads source and target and packs them without the target's labels; ``run_method`` fits one method in a
process of its own; ``oracle`` cross-validates inside the target; ``metrics`` scores the predictions; ``ranking``
summarises methods over seeds; ``feature_projection`` shows both domains in feature space.

>>> from croptransfer.engine.evaluation.metrics import Scores
>>> scores = Scores.of(reference=[0, 0, 1, 1], predicted=[0, 1, 1, 1], classes=2)
>>> scores.overall_accuracy, round(scores.macro_f1, 3)
(0.75, 0.733)
"""
