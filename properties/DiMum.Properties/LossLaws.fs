/// The losses, Eqs. (4) to (8), (10) and (11), on a network whose gradient is known by hand.
module DiMum.Properties.LossLaws

open DiMum.Spec

let private reductions = [ Loss.SumPerImage; Loss.MeanAll ]

let private both reduction : Loss.Both<Loss.Reduction> = { Retain = reduction; Unlearning = reduction }

let private noise (draw: Loss.Draw<int>) = draw.Noise
let private benign c = (c + 1) % Toy.classes

/// Central differences of a quadratic carry no truncation error, only rounding in proportion to the loss itself.
let private sameGradient (loss: float[] -> float) theta expected =
    let scale = 1.0 + abs (loss theta)
    Expect.allNear (1e-8 * scale) expected (Gradient.central loss theta)

[<Law "L11">]
let ``the loss of a perfect prediction is zero, and of no other`` (scene: Scene) =
    for reduction in reductions do
        let draws = scene.Draws.Retain
        let truth = draws |> Array.map noise
        Expect.equal 0.0 (Loss.squaredError reduction truth truth)

        let off = truth |> Array.mapi (fun i image -> if i = 0 then Array.map (fun x -> x + 0.001) image else image)

        Expect.holds "a wrong prediction costs nothing" (Loss.squaredError reduction truth off > 0.0)

[<Law "L12">]
let ``the sum per image is the mean over all times the pixels of an image`` (scene: Scene) =
    let draws = scene.Draws.Retain

    let loss reduction = Loss.eps reduction scene.Table (Toy.net scene.Theta) draws

    Expect.near 1e-12 (float draws[0].Image.Length * loss Loss.MeanAll) (loss Loss.SumPerImage)

[<Law "L12">]
let ``repeating a batch leaves its loss, scaling the error by k scales it by k squared`` (scene: Scene) (k: float) =
    for reduction in reductions do
        let draws, net = scene.Draws.Retain, Toy.net scene.Theta
        let loss = Loss.eps reduction scene.Table net
        Expect.near 1e-12 (loss draws) (loss (Array.append draws draws))

        let truth = draws |> Array.map noise
        let nothing = truth |> Array.map (Array.map (fun _ -> 0.0))
        let scaled = truth |> Array.map (Vector.scale k)
        Expect.near 1e-12 (k * k * Loss.squaredError reduction nothing truth) (Loss.squaredError reduction nothing scaled)

[<Law "L13">]
let ``training, attack, and both terms of DiMUM are one loss on different pairs`` (scene: Scene) =
    let table, net = scene.Table, Toy.net scene.Theta

    for reduction in reductions do
        let alone weights = Loss.dimum reduction weights table net scene.Draws

        Expect.equal (Loss.eps reduction table net scene.Draws.Retain) (alone { Retain = 1.0; Unlearning = 0.0 })
        Expect.equal (Loss.eps reduction table net scene.Draws.Unlearning) (alone { Retain = 0.0; Unlearning = 1.0 })

        Loss.towards reduction table noise net scene.Draws.Retain
        |> Expect.equal (Loss.eps reduction table net scene.Draws.Retain)

[<Law "L14">]
let ``the gradient of the epsilon-loss is the one by hand`` (scene: Scene) =
    for reduction in reductions do
        let table, draws = scene.Table, scene.Draws.Retain

        sameGradient
            (fun theta -> Loss.eps reduction table (Toy.net theta) draws)
            scene.Theta
            (Toy.gradient reduction table noise scene.Theta draws)

[<Law "L14">]
let ``the relabel target sends no gradient back, even when it is the current network`` (scene: Scene) =
    let table, theta = scene.Table, scene.Theta
    let current = Toy.net theta

    let target (draw: Loss.Draw<int>) =
        Loss.predict table current { draw with Condition = benign draw.Condition }

    for reduction in reductions do
        let relabel theta =
            Loss.relabel (both reduction) { Retain = 0.0; Unlearning = 1.0 } table benign current (Toy.net theta) scene.Draws

        sameGradient relabel theta (Toy.gradient reduction table target theta scene.Draws.Unlearning)

[<Law "L15">]
let ``with lambda 0 every objective is the retain loss, bit for bit`` (scene: Scene) =
    let table, net, draws = scene.Table, Toy.net scene.Theta, scene.Draws
    let none = Loss.lambda 0.0

    for reduction in reductions do
        let retain = Loss.eps reduction table net draws.Retain
        Expect.equal retain (Loss.dimum reduction none table net draws)
        Expect.equal retain (Loss.ascent (both reduction) none table net draws)
        Expect.equal retain (Loss.relabel (both reduction) none table benign net net draws)
        Expect.equal retain (EraseDiff.objective 0.0 retain 3.0 2.0)

[<Law "L15">]
let ``a relabelling that changes no condition leaves only the retain loss`` (scene: Scene) (lambda: float) =
    let table, net = scene.Table, Toy.net scene.Theta

    Loss.relabel (both Loss.MeanAll) (Loss.lambda lambda) table id net net scene.Draws
    |> Expect.equal (Loss.eps Loss.MeanAll table net scene.Draws.Retain)

[<Law "L15">]
let ``every objective is linear in its balance`` (scene: Scene) (retain: float) (unlearning: float) =
    let table, net, draws = scene.Table, Toy.net scene.Theta, scene.Draws

    let balance: Loss.Balance = { Retain = retain; Unlearning = unlearning }

    for objective in
        [ Loss.dimum Loss.MeanAll
          Loss.ascent (both Loss.MeanAll)
          fun balance table net draws -> Loss.relabel (both Loss.MeanAll) balance table benign net net draws ] do
        let at balance = objective balance table net draws

        let parts = retain * at { Retain = 1.0; Unlearning = 0.0 } + unlearning * at { Retain = 0.0; Unlearning = 1.0 }

        let scale = 1.0 + abs retain * abs (at { Retain = 1.0; Unlearning = 0.0 })
        Expect.near (1e-12 * scale) parts (at balance)

[<Law "L16">]
let ``ascent goes against the plain gradient of the unlearning term`` (scene: Scene) (retain: float) (unlearning: float) =
    let table, theta, draws = scene.Table, scene.Theta, scene.Draws
    let weight = 1.0 + abs retain + abs unlearning

    for reduction in reductions do
        let ascent theta =
            Loss.ascent (both reduction) { Retain = retain; Unlearning = unlearning } table (Toy.net theta) draws

        let expected =
            Vector.subtract
                (Vector.scale retain (Toy.gradient reduction table noise theta draws.Retain))
                (Vector.scale unlearning (Toy.gradient reduction table noise theta draws.Unlearning))

        let size =
            Loss.eps reduction table (Toy.net theta) draws.Retain
            + Loss.eps reduction table (Toy.net theta) draws.Unlearning

        Expect.allNear (1e-8 * weight * (1.0 + size)) expected (Gradient.central ascent theta)

[<Law "L17">]
let ``the loss of a batch is the mean of its images' losses, so accumulation over equal parts is the whole`` (scene: Scene) =
    let draws, net = scene.Draws.Retain, Toy.net scene.Theta

    for reduction in reductions do
        let loss = Loss.eps reduction scene.Table net
        Expect.near 1e-12 (draws |> Array.averageBy (fun draw -> loss [| draw |])) (loss draws)

[<Law "L30">]
let ``renaming the classes of network and data together leaves every loss`` (scene: Scene) =
    let table, theta, draws = scene.Table, scene.Theta, scene.Draws
    let renamed = benign

    let rename = Array.map (fun (draw: Loss.Draw<int>) -> { draw with Condition = renamed draw.Condition })

    let permuted = theta |> Array.permute (fun k -> if k < 2 then k else 2 + renamed (k - 2))

    let there: Loss.Both<_> =
        { Retain = rename draws.Retain
          Unlearning = rename draws.Unlearning }

    let balance = Loss.lambda 0.5

    for reduction in reductions do
        Loss.dimum reduction balance table (Toy.net permuted) there
        |> Expect.near 1e-12 (Loss.dimum reduction balance table (Toy.net theta) draws)
