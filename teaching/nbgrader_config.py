"""nbgrader's settings for this course: run its commands in a copy of this folder."""

c = get_config()  # noqa: F821  (nbgrader gives it)

c.CourseDirectory.course_id = "medsyn"
c.ClearSolutions.code_stub = {"python": 'raise NotImplementedError("write me")'}
c.ClearSolutions.text_stub = "*Write your answer here.*"
c.Execute.timeout = 900  # seconds a cell: a probe on a machine that marks several at a time
