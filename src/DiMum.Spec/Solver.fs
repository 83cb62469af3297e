/// Solvers that remember: DPM-Solver++ (Lu et al. 2022b), UniPC (Zhao et al. 2023) and linear multistep in σ (Karras et al. 2022). A level of
/// noise is σ = √((1−ᾱ)/ᾱ), 0 the clean image; a way is x at every level of a list, given x̂₀(x, k) at the k-th.
module DiMum.Spec.Solver

/// √ᾱ, √(1−ᾱ) and λ = log √ᾱ/√(1−ᾱ) of a level
let signal sigma = 1.0 / sqrt (1.0 + sigma * sigma)

let spread sigma = sigma * signal sigma
let lambda (sigma: float) = -log sigma

/// σ at a time that need not be whole: in a straight line between the schedule's
let sigma (table: Schedule.Table) (t: float) =
    let at t = let bar = Schedule.alphaBar table t in sqrt ((1.0 - bar) / bar)
    let below = int (floor t)
    let above = min (below + 1) (table.AlphaBar.Length - 1)
    at below + (t - float below) * (at above - at below)

/// ∏_{j≠k} (u − u_j)/(u_k − u_j) by its coefficients of 1, u, u², …
let basis (nodes: float list) k =
    let times root p = List.map2 (-) (0.0 :: p) (List.map ((*) root) p @ [ 0.0 ])

    List.indexed nodes
    |> List.filter (fun (j, _) -> j <> k)
    |> List.fold (fun p (_, node) -> times node p |> List.map (fun c -> c / (nodes[k] - node))) [ 1.0 ]

/// ∫ of the polynomial through points (u, value), given ∫ uⁱ for every i
let integral (moment: int -> float) (points: (float * float[]) list) =
    let weight k =
        basis (List.map fst points) k |> List.mapi (fun i c -> c * moment i) |> List.sum

    points |> List.mapi (fun k (_, value) -> Vector.scale (weight k) value) |> Vector.sum

/// ∫₀ʰ e^{u−h} uⁱ du = hⁱ − i·∫₀ʰ e^{u−h} uⁱ⁻¹ du
let rec moment h i =
    if i = 0 then
        1.0 - exp -h
    else
        h ** float i - float i * moment h (i - 1)

/// A step's ∫₀ʰ e^{u−h} x̂₀ du from what is known of x̂₀ at u = λ − λ_s, the step's beginning first.
type Rule = float -> (float * float[]) list -> float[]

/// Everything known, as a polynomial.
let exact: Rule = fun h points -> integral (moment h) points

/// The value at the beginning, and one difference with half of B(h) for its weight:  (1−e^{−h})·x̂₀ + B(h)/2 · h·(x̂₀ᵤ − x̂₀)/u
let half b : Rule =
    fun h points ->
        match points with
        | [ _, first; u, other ] ->
            Vector.add (Vector.scale (1.0 - exp -h) first) (Vector.scale (b h / 2.0 * h / u) (Vector.subtract other first))
        | _ -> exact h points

/// B(h) of DPM-Solver++'s midpoint and UniPC's B₂; UniPC's B₁ is h.
let exponential h = 1.0 - exp -h

/// The third order of many steps as released: the polynomial's u² with half its weight.
let released: Rule =
    fun h points ->
        if points.Length < 3 then
            half exponential h points
        else
            integral (fun i -> moment h i / (if i = 2 then 2.0 else 1.0)) points

/// x_t = σ_t/σ_s·x_s + √ᾱ_t · ∫₀ʰ e^{u−h} x̂₀ du,  σ here √(1−ᾱ): exact in x (Lu et al. 2022b, Prop. 4.1)
let private advance (rule: Rule) s t known (x: float[]) =
    let h = lambda t - lambda s
    let points = known |> List.map (fun (level, value) -> lambda level - lambda s, value)
    Vector.add (Vector.scale (spread t / spread s) x) (Vector.scale (signal t) (rule h points))

let private steps sigmas = List.pairwise sigmas |> List.indexed

/// x after every step of a fold that also remembers.
let private way move memory x sigmas =
    steps sigmas |> List.scan move (x, memory) |> List.tail |> List.map fst

/// DPM-Solver++ with the x̂₀ of the last `order k` levels at step k.
let multistep order rule sigmas clean start =
    let move (x, known) (k, (s, t)) =
        let known = (s, clean x k) :: known
        advance rule s t (List.truncate (order k) known) x, known

    way move [] start sigmas

/// DPM-Solver++ in blocks: `place k` counts from 1 within the block, and every step begins where its block did.
let singlestep place rule sigmas clean start =
    let move (x, block) (k, (s, t)) =
        let block =
            if place k = 1 then
                [ s, x, clean x k ]
            else
                block @ [ s, x, clean x k ]

        let level, origin, _ = block.Head
        advance rule level t (block |> List.map (fun (level, _, value) -> level, value)) origin, block

    way move [] start sigmas

/// UniPC: the step that led here again with the x̂₀ found here, then the next, each with the x̂₀ of the last `order k` levels.
let unipc order rule sigmas clean start =
    let move (x, (before, known)) (k, (s, t)) =
        let here = clean x k

        let x =
            match before with
            | Some(from, origin, used) -> advance rule from s (List.truncate used known @ [ s, here ]) origin
            | None -> x

        let known = (s, here) :: known
        let used = min (order k) known.Length
        advance rule s t (List.truncate used known) x, (Some(s, x, used), known)

    way move (None, []) start sigmas

/// On y = x/√ᾱ, whose slope in σ is (y − x̂₀)/σ: ∫ of the slopes at the last levels as a polynomial.
let linear order sigmas clean start =
    let move (y, known) (k, (s, t)) =
        let known = List.truncate order ((s, Vector.scale (1.0 / s) (Vector.subtract y (clean y k))) :: known)
        let power i = (t - s) ** float (i + 1) / float (i + 1)
        Vector.add y (known |> List.map (fun (level, slope) -> level - s, slope) |> integral power), known

    way move [] start sigmas

/// Heun's method on the same: the mean of the slopes at both ends; `clean` is asked twice a step, but at σ = 0.
let heun sigmas clean start =
    let slope sigma y k = Vector.scale (1.0 / sigma) (Vector.subtract y (clean y k))

    let move (y, ()) (k, (s, t)) =
        let first = slope s y (2 * k)
        let reached = Vector.add y (Vector.scale (t - s) first)

        if k + 2 = List.length sigmas then
            reached, () // as released: the last step is Euler's, wherever it ends
        else
            Vector.add y (Vector.scale ((t - s) / 2.0) (Vector.add first (slope t reached (2 * k + 1)))), ()

    way move () start sigmas

/// Euler's method to σ_down, then noise: σ_up² = σ_t²(σ_s² − σ_t²)/σ_s², σ_down² = σ_t² − σ_up²
let eulerAncestral (noises: float[] list) sigmas clean start =
    let move (y, ()) (k, (s, t)) =
        let up = t * sqrt (1.0 - t * t / (s * s))
        let down = t * t / s
        let slope = Vector.scale (1.0 / s) (Vector.subtract y (clean y k))
        Vector.sum [ y; Vector.scale (down - s) slope; Vector.scale up noises[k] ], ()

    way move () start sigmas
