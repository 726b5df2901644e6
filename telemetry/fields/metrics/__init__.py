"""The derived fields: one small pure function per metric, for one sample and for columns, and what is known of it.

To add a metric, write its two functions and its :class:`~telemetry.fields.metrics.metric.Metric` in a module of this
package and give :class:`telemetry.fields.derived.Sample` an attribute annotated with it. Its value is then in every
sample, file and stream, and in the field table.

A metric that needs the past finds it in the sample before; there is no hidden state.
"""
