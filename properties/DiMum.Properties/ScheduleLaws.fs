module DiMum.Properties.ScheduleLaws

open DiMum.Spec
open FsCheck

[<Law "L1">]
let ``alpha-bar decreases strictly within (0,1)`` (recipe: Recipe) =
    let bars = recipe.Table.AlphaBar

    bars |> Array.iter (fun bar -> Expect.holds $"{bar} is not within (0,1)" (0.0 < bar && bar < 1.0))

    bars
    |> Array.pairwise
    |> Array.iter (fun (earlier, later) -> Expect.holds $"{later} does not fall below {earlier}" (later < earlier))

[<Law "L1">]
let ``the first alpha-bar is one minus the first beta`` (recipe: Recipe) =
    Expect.equal (1.0 - recipe.Table.Beta[0]) recipe.Table.AlphaBar[0]

[<Law "L1">]
let ``a linear schedule is even and ends at its declared values`` (Share a) (Share b) (steps: PositiveInt) =
    let beta = (Schedule.linear a b (steps.Get + 1)).Beta
    Expect.near 1e-14 a beta[0]
    Expect.near 1e-14 b (Array.last beta)

    beta
    |> Array.iteri (fun t value -> Expect.near 1e-14 (a + (b - a) * float t / float steps.Get) value)

[<Law "L1">]
let ``a scaled-linear schedule is even in the square root and ends at its declared values`` (Share a) (Share b) (steps: PositiveInt) =
    let beta = (Schedule.scaledLinear a b (steps.Get + 1)).Beta
    Expect.near 1e-14 a beta[0]
    Expect.near 1e-14 b (Array.last beta)
    let roots = Array.map sqrt beta

    roots
    |> Array.pairwise
    |> Array.iter (fun (x, y) -> Expect.near 1e-13 ((sqrt b - sqrt a) / float steps.Get) (y - x))

[<Law "L1">]
let ``a cosine beta never exceeds 0.999 and below the cap alpha-bar is the squared cosine`` (steps: PositiveInt) =
    let steps = steps.Get + 1
    let table = Schedule.cosine steps

    let f u = cos (System.Math.PI / 2.0 * (u + 0.008) / 1.008) ** 2.0

    table.Beta |> Array.iter (fun beta -> Expect.holds $"beta {beta}" (0.0 < beta && beta <= 0.999))

    for t in 0 .. steps - 2 do
        Expect.near 1e-12 (f (float (t + 1) / float steps) / f 0.0) table.AlphaBar[t]

[<Law "L2">]
let ``the signal-to-noise ratio falls strictly with time`` (recipe: Recipe) =
    [ 0 .. recipe.Steps - 1 ]
    |> List.map (Schedule.signalToNoise recipe.Table)
    |> List.pairwise
    |> List.iter (fun (earlier, later) -> Expect.holds $"{later} does not fall below {earlier}" (later < earlier))

[<Law "L1">]
let ``the small variance is below the large one, and nothing at the first time`` (moment: Moment) =
    let small = Schedule.variance Schedule.Small moment.Table moment.Time
    let large = Schedule.variance Schedule.Large moment.Table moment.Time
    Expect.holds $"small {small} is not within [0, {large})" (0.0 <= small && small < large)
    Expect.equal 0.0 (Schedule.variance Schedule.Small moment.Table 0)
