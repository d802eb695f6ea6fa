"""The judgements of the doctor: values in, findings out. Reading them is `controller.doctor`'s."""
