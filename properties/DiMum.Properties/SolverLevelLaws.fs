/// Levels of σ by themselves, and DDIM there and back.
module DiMum.Properties.SolverLevelLaws

open FsCheck
open TorchSharp
open DiMum.Spec
open Tensors

let private placings (schedule: Lib.NoiseSchedule) steps spacing endsAtZero =
    [ if steps < schedule.Steps then
          "whole", (fun (sigmas: Lib.SigmaSpacing) -> Lib.SigmaSteps.Integer(schedule, steps, spacing, 0, sigmas, endsAtZero))
      "real", (fun (sigmas: Lib.SigmaSpacing) -> Lib.SigmaSteps.Real(schedule, steps, spacing, 0, sigmas, endsAtZero)) ]

let private last (recipe: Recipe) endsAtZero = if endsAtZero then 0.0 else Solver.sigma recipe.Table 0.0

[<Law("L58", 60)>]
let ``the levels are the schedule's at the times, in a straight line between them, and fall to the end that is asked for``
    (recipe: Recipe)
    (count: PositiveInt)
    (endsAtZero: bool)
    =
    let schedule = Components.schedule recipe
    let steps = 1 + count.Get % recipe.Steps

    for spacing in System.Enum.GetValues<Lib.TimeSpacing>() do
        for _, place in placings schedule steps spacing endsAtZero do
            let placed = place Lib.SigmaSpacing.Times
            Expect.equal steps placed.Times.Count
            let expected = [| for t in placed.Times -> Solver.sigma recipe.Table t |]
            Expect.allNear 1e-11 (Array.append expected [| last recipe endsAtZero |]) (Array.ofSeq placed.Sigmas)

[<Law("L58", 60)>]
let ``spaced levels are even in σ to the power 1/7, or in log σ, and their times tell nearly their levels``
    (recipe: Recipe)
    (count: PositiveInt)
    (endsAtZero: bool)
    =
    let schedule = Components.schedule recipe
    let steps = 2 + count.Get % (recipe.Steps - 1)

    for spacing, scale in [ Lib.SigmaSpacing.Karras, (fun sigma -> sigma ** (1.0 / 7.0)); Lib.SigmaSpacing.LogUniform, log ] do
        for name, place in placings schedule steps Lib.TimeSpacing.Linspace endsAtZero do
            let placed = place spacing
            let sigmas = List.ofSeq placed.Sigmas
            Expect.equal (last recipe endsAtZero) (List.last sigmas)
            let even = sigmas |> List.truncate steps |> List.map scale
            let gap = (List.last even - even.Head) / float (steps - 1)
            List.iteri (fun i at -> Expect.near 1e-9 (even.Head + float i * gap) at) even
            Expect.near 1e-9 (Solver.sigma recipe.Table (float (recipe.Steps - 1))) sigmas.Head
            Expect.near 1e-9 (Solver.sigma recipe.Table 0.0) sigmas[steps - 1]

            // The level lies between those of the whole times around it.
            for t, sigma in Seq.zip placed.Times sigmas do
                let around =
                    if name = "real" then
                        floor t, ceil t
                    else
                        max 0.0 (t - 1.0), min (float (recipe.Steps - 1)) (t + 1.0)

                let low, high = Solver.sigma recipe.Table (fst around), Solver.sigma recipe.Table (snd around)

                Expect.holds
                    $"{name}: σ {sigma} at {t} lies outside {low}…{high}"
                    (low - 1e-9 * high <= sigma && sigma <= high * (1.0 + 1e-9))

[<Law("L6", 40)>]
let ``DDIM goes back to the image that its inversion left, under a network that says one noise``
    (recipe: Recipe)
    (count: PositiveInt)
    (rows: Pairs)
    =
    use scope = torch.NewDisposeScope()
    let schedule = Components.schedule recipe
    let steps = 1 + count.Get % recipe.Steps
    let image, noise = Array.unzip rows.Get
    let row (values: float[]) = shaped [| 1L; int64 values.Length |] values
    let silent = Lib.NoiseSource(fun _ -> failwith "asked for noise")
    let network = Lib.ModelOutput(fun _ _ -> row noise)
    let there = Lib.DdimInversion(schedule, steps, Lib.OutputReading())
    let back = Lib.DdimSolver.AsDiffusers(schedule, steps)
    Expect.equal (List.ofSeq there.Times) (List.rev (List.ofSeq back.Times))
    let reached = there.Run(row image, network, silent)
    let t = there.Times[there.Times.Count - 1]
    let bound = 1e-13 / recipe.Table.AlphaBar[recipe.Steps - 1]
    Expect.allNear (bound + 1e-11) (Forward.noised recipe.Table (int t) image noise) (floats reached)
    Expect.allNear (bound + 1e-11) image (floats (back.Run(reached, network, silent)))
