module DiMum.Spec.Schedule

let linear (steps: int) = steps
