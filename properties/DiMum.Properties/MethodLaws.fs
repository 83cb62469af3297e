/// The parts of the unlearning methods that are mathematics: masks, weights, projections, targets, inner loops.
module DiMum.Properties.MethodLaws

open DiMum.Spec
open FsCheck

let private unzip (rows: Pairs) = Array.unzip rows.Get
let private chosen (mask: bool[]) = mask |> Array.filter id |> Array.length

let private split (mask: bool[]) (values: float[]) =
    let inside, outside = Array.zip mask values |> Array.partition fst
    Array.map snd inside, Array.map snd outside

[<Law "L24">]
let ``SalUn's mask has the declared density`` (gradient: NonEmptyArray<float>) (Share ratio) =
    let mask = SalUn.mask ratio (SalUn.saliency [ gradient.Get ])
    Expect.equal (int (ratio * float gradient.Get.Length)) (chosen mask)

[<Law "L24">]
let ``SalUn's mask holds no entry less salient than one outside, and of equal ones the earlier``
    (values: NonEmptyArray<float>)
    (Share ratio)
    =
    let saliency = values.Get |> Array.map (fun x -> abs (round x)) // rounded, so that ties are common
    let mask = SalUn.mask ratio saliency

    for i in 0 .. mask.Length - 1 do
        for j in 0 .. mask.Length - 1 do
            if mask[i] && not mask[j] then
                Expect.holds $"{i} is inside and {j} is not" (saliency[i] > saliency[j] || saliency[i] = saliency[j] && i < j)

[<Law "L24">]
let ``SalUn's saliency is the size of the summed gradient: opposite batches cancel`` (gradient: NonEmptyArray<float>) (k: PositiveInt) =
    Expect.equal (gradient.Get |> Array.map (fun _ -> 0.0)) (SalUn.saliency [ gradient.Get; Vector.scale -1.0 gradient.Get ])

    SalUn.saliency (List.replicate k.Get gradient.Get)
    |> Expect.allNear 1e-11 (gradient.Get |> Array.map (fun g -> float k.Get * abs g))

[<Law "L24">]
let ``SalUn clips and then masks, SFR-on masks and then clips`` (rows: NonEmptyArray<float * bool>) =
    let gradient, mask = Array.unzip rows.Get
    let whole = Vector.norm gradient
    let inside = Vector.keep mask gradient
    Expect.allNear 1e-12 (Vector.scale (min 1.0 (1.0 / (whole + 1e-6))) inside) (SalUn.transform 1.0 mask gradient)
    Expect.allNear 1e-12 (Vector.scale (min 1.0 (1.0 / (Vector.norm inside + 1e-6))) inside) (SfrOn.transform 1.0 mask gradient)

[<Law "L23">]
let ``a weight outside the mask from the first step never moves under Adam without decay``
    (rows: NonEmptyArray<float * float * bool>)
    (steps: PositiveInt)
    =
    let theta, gradient, mask = Array.unzip3 rows.Get
    let settings = Adam.standard 0.1

    let move (theta, state) k =
        Vector.scale (sin (float k)) gradient |> SalUn.transform 1.0 mask |> Adam.step settings state theta

    let moved, _ = List.fold move (theta, Adam.start theta.Length) [ 1 .. min 20 steps.Get ]

    Array.iteri
        (fun i inside ->
            if not inside then
                Expect.equal theta[i] moved[i])
        mask

[<Law "L16">]
let ``SFR-on's adaptive weights sum to the batch size and favour the smaller loss`` (losses: NonEmptyArray<PositiveInt>) (Share lambda) =
    let losses = losses.Get |> Array.map (fun loss -> float loss.Get)
    let weights = SfrOn.weights lambda losses
    Expect.near 1e-12 (float losses.Length) (Array.sum weights)

    for i in 0 .. losses.Length - 1 do
        for j in 0 .. losses.Length - 1 do
            Expect.holds
                $"loss {losses[i]} weighs {weights[i]}, loss {losses[j]} {weights[j]}"
                (losses[i] >= losses[j] || weights[i] > weights[j])

[<Law "L16">]
let ``SFR-on's adaptive loss with lambda 0 is the batch mean, and never above it otherwise``
    (losses: NonEmptyArray<PositiveInt>)
    (Share lambda)
    =
    let losses = losses.Get |> Array.map (fun loss -> float loss.Get)
    let mean = Array.average losses
    Expect.near 1e-12 mean (SfrOn.adaptive (SfrOn.weights 0.0 losses) losses)
    Expect.holds "adaptive loss above the mean" (SfrOn.adaptive (SfrOn.weights lambda losses) losses <= mean * (1.0 + 1e-12))

[<Law "L16">]
let ``SFR-on's coefficient starts at alpha, falls throughout, and would end at 0`` (alpha: PositiveInt) (steps: PositiveInt) =
    let at step = SfrOn.cosine (float alpha.Get) step steps.Get

    Expect.near 1e-14 (float alpha.Get) (at 0)
    Expect.near 1e-14 0.0 (at steps.Get)

    [ 0 .. steps.Get ]
    |> List.pairwise
    |> List.iter (fun (a, b) -> Expect.holds $"no fall from {a} to {b}" (at b < at a))

[<Law "L24">]
let ``SFR-on's mask compares the two Fisher values of each entry and nothing else`` (rows: Pairs) (gamma: PositiveInt) =
    let forget, retain = unzip rows
    let fisher gradient = SfrOn.fisher [ gradient ]
    let gamma = float gamma.Get

    SfrOn.mask gamma (fisher forget) (fisher retain)
    |> Array.iteri (fun i inside -> Expect.equal (forget[i] * forget[i] + 1e-15 >= gamma * (retain[i] * retain[i] + 1e-15)) inside)

    Expect.equal (forget |> Array.map (fun _ -> true)) (SfrOn.mask 1.0 (fisher forget) (fisher forget))

[<Law "L24">]
let ``SFR-on's Fisher value is the mean square, so opposite batches do not cancel`` (gradient: NonEmptyArray<float>) =
    SfrOn.fisher [ gradient.Get; Vector.scale -1.0 gradient.Get ]
    |> Expect.allNear 1e-12 (gradient.Get |> Array.map (fun g -> g * g))

/// A quadratic bowl around each batch: loss ½‖θ − b‖².
let private bowl (batch: float) (theta: float[]) =
    let gap = theta |> Array.map (fun p -> p - batch)
    0.5 * Vector.dot gap gap, gap

[<Law "L26">]
let ``EraseDiff's inner loop advances the moments by every step it took``
    (theta: NonEmptyArray<float>)
    (batches: NonEmptyArray<float>)
    (passes: PositiveInt)
    =
    let passes = passes.Get % 4 + 1
    let start = Adam.start theta.Get.Length

    let average, state = EraseDiff.inner passes (Adam.standard 0.01) bowl (fun _ -> 1) theta.Get start (List.ofArray batches.Get)

    Expect.equal (passes * batches.Get.Length) state.Step
    Expect.holds $"average loss {average}" (average >= 0.0)

[<Law "L26">]
let ``EraseDiff's average is of the last pass only, weighted by batch size``
    (theta: NonEmptyArray<float>)
    (a: float)
    (b: float)
    (n: PositiveInt)
    =
    let settings, passes = Adam.standard 0.1, 3
    let size batch = if batch = a then n.Get else 1
    let start = Adam.start theta.Get.Length

    let visit (theta, state, losses) batch =
        let loss, gradient = bowl batch theta
        let theta, state = Adam.step settings state theta gradient
        theta, state, losses @ [ loss ]

    let _, state, losses = List.fold visit (theta.Get, start, []) (List.replicate passes [ a; b ] |> List.concat)
    let lastA, lastB, sizeA, sizeB = losses[losses.Length - 2], List.last losses, float (size a), float (size b)
    let average, reached = EraseDiff.inner passes settings bowl size theta.Get start [ a; b ]
    Expect.near 1e-12 ((sizeA * lastA + sizeB * lastB) / (sizeA + sizeB)) average
    Expect.equal state reached

[<Law "L26">]
let ``EraseDiff's inner average shifts the objective and not its gradient`` (theta: NonEmptyArray<float>) (lambda: float) (average: float) =
    let objective average theta =
        EraseDiff.objective lambda (fst (bowl 1.0 theta)) (fst (bowl -2.0 theta)) average

    let size = 1.0 + abs (objective 0.0 theta.Get) + abs lambda * abs average
    Expect.allNear (1e-9 * size) (Gradient.central (objective 0.0) theta.Get) (Gradient.central (objective average) theta.Get)

[<Law "L26">]
let ``EraseDiff's adaptive lambda is 0 for like gradients and eta plus 1 for opposite ones`` (gradient: NonEmptyArray<float>) (Share eta) =
    if Vector.norm gradient.Get > 0.0 then
        Expect.equal 0.0 (EraseDiff.adaptiveLambda eta gradient.Get gradient.Get)
        Expect.near 1e-12 (eta + 1.0) (EraseDiff.adaptiveLambda eta gradient.Get (Vector.scale -2.0 gradient.Get))

[<Law "L27">]
let ``Scissorhands' projection leaves a compatible gradient alone`` (rows: Pairs) =
    let reference, gradient = unzip rows

    if Vector.dot reference gradient >= 0.0 then
        Expect.equal gradient (Scissorhands.project reference gradient)

[<Law "L27">]
let ``Scissorhands' projection makes the gradient compatible, up to its regulariser`` (rows: Pairs) =
    let reference, gradient = unzip rows
    let violation = min 0.0 (Vector.dot reference gradient)
    let square = Vector.dot reference reference
    let allowed = violation * 1e-3 / (square + 1e-3)
    let after = Vector.dot reference (Scissorhands.project reference gradient)
    Expect.holds $"inner product {after} after the projection" (after >= allowed - 1e-11 * (1.0 + square))

[<Law "L27">]
let ``Scissorhands' projection adds the reference times the best v of at least one half`` (rows: Pairs) (other: float) =
    let reference, gradient = unzip rows
    let inner = Vector.dot reference gradient

    if inner < 0.0 then
        let cost v = 0.5 * (Vector.dot reference reference + 1e-3) * v * v + inner * v

        let added = Vector.subtract (Scissorhands.project reference gradient) gradient
        let v = Vector.dot added reference / Vector.dot reference reference
        Expect.holds $"v = {v}" (v >= 0.5 - 1e-9)
        Expect.allNear 1e-9 (Vector.scale v reference) added
        Expect.holds $"{0.5 + abs other} is better than {v}" (cost v <= cost (0.5 + abs other) + 1e-9 * (1.0 + abs inner))

[<Law "L24">]
let ``Scissorhands marks what lies strictly above the k-th smallest saliency`` (rows: Pairs) (Share sparsity) =
    let gradient, theta = unzip rows
    let saliency = Scissorhands.saliency [ gradient ] theta
    let k = int (sparsity * float saliency.Length)

    if k >= 1 then
        let mask = Scissorhands.mask sparsity saliency
        let inside, outside = split mask saliency
        Expect.holds $"{inside.Length} marked of {saliency.Length}, {k} to be spared" (inside.Length <= saliency.Length - k)

        if (Array.distinct saliency).Length = saliency.Length then
            Expect.equal (saliency.Length - k) inside.Length

        for marked in inside do
            Expect.holds "an unmarked entry is as salient" (outside |> Array.forall (fun spared -> spared < marked))

[<Law "L24">]
let ``Scissorhands re-initialises the marked entries and no other`` (rows: NonEmptyArray<float * float * bool>) =
    let theta, fresh, mask = Array.unzip3 rows.Get

    Scissorhands.reinitialise mask fresh theta
    |> Array.iteri (fun i value -> Expect.equal (if mask[i] then fresh[i] else theta[i]) value)

[<Law "L29">]
let ``ESD's two forms agree at eta and one plus eta`` (rows: Pairs) (eta: float) =
    let concept, nothing = unzip rows

    Esd.target (Esd.FromConcept(1.0 + eta)) concept nothing
    |> Expect.allNear 1e-12 (Esd.target (Esd.FromNull eta) concept nothing)

[<Law "L29">]
let ``ESD's target is guidance by a negative scale`` (rows: Pairs) (eta: float) =
    let concept, nothing = unzip rows

    Guidance.combine (Guidance.Scale -eta) concept nothing
    |> Expect.allNear 1e-12 (Esd.target (Esd.FromNull eta) concept nothing)

[<Law "L14">]
let ``Concept Ablation by noise is the epsilon-loss, by model the relabel loss`` (scene: Scene) =
    let table, net, draws = scene.Table, Toy.net scene.Theta, scene.Draws
    let anchor c = (c + 1) % Toy.classes

    let loss variant =
        Loss.towards Loss.MeanAll table (ConceptAblation.target variant table anchor net) net draws.Unlearning

    Expect.equal (Loss.eps Loss.MeanAll table net draws.Unlearning) (loss ConceptAblation.NoiseBased)

    Loss.relabel SalUn.reduction { Retain = 0.0; Unlearning = 1.0 } table anchor net net draws
    |> Expect.equal (loss ConceptAblation.ModelBased)
