/// The specification reproduces what the authors' public code computed.
module DiMum.Properties.GoldenLaws

open System
open NUnit.Framework
open DiMum.Spec
open Golden

let private within atol (expected: float[]) (actual: float[]) =
    Expect.equal expected.Length actual.Length

    Array.iteri2
        (fun i want got ->
            if not (abs (want - got) <= atol) then
                failwith $"element {i}: expected %.17g{want}, got %.17g{got}, atol %g{atol}")
        expected
        actual

/// A {shape, atol, values} block of the class-conditional part.
let private matches (block: Json) actual = within (number [ "atol" ] block) (numbers [ "values" ] block) actual

/// A {first16, last16, strided} block of the Stable Diffusion part.
let private samples atol (block: Json) (actual: float[]) =
    within atol (numbers [ "first16" ] block) (Array.truncate 16 actual)
    within atol (numbers [ "last16" ] block) (Array.skip (actual.Length - 16) actual)
    let count = (at [ "strided"; "count" ] block).GetInt32()
    within atol (numbers [ "strided"; "values" ] block) (Array.init count (fun j -> actual[j * actual.Length / count]))

[<Test; Category "L1">]
let ``the schedules are those of the DDIM code base`` () =
    let golden = at [ "outputs" ] (load "schedule")
    let times = integers [ "t" ] golden

    let pick values = times |> Array.map (fun t -> Array.item t values)

    for name, table in
        [ "linear", Schedule.linear 1e-4 2e-2 1000
          "quad", Schedule.scaledLinear 1e-4 2e-2 1000
          "const", Schedule.constant 2e-2 1000
          "jsd", Schedule.jsd 1000
          "sigmoid", Schedule.sigmoid 1e-4 2e-2 1000 ] do
        let block key = at [ name; key ] golden
        matches (block "betas") (pick table.Beta)
        matches (block "alphas") (pick table.Alpha)
        matches (block "alphas_cumprod") (pick table.AlphaBar)
        matches (block "alphas_cumprod_prev") (times |> Array.map (fun t -> Schedule.alphaBar table (t - 1)))
        matches (block "posterior_variance") (times |> Array.map (Schedule.variance Schedule.Small table))
        within 1e-9 (numbers [ "values" ] (block "betas_float64")) (pick table.Beta)

        within
            (number [ "atol" ] (block "sum_alphas_cumprod"))
            [| number [ "f64" ] (block "sum_alphas_cumprod") |]
            [| Array.sum table.AlphaBar |]

[<Test; Category "L1">]
let ``the schedules are those of the latent diffusion code base`` () =
    let golden = at [ "outputs" ] (load "schedule")
    let times = integers [ "t" ] golden

    for name, table in [ "ldm_linear", Schedule.scaledLinear 8.5e-4 1.2e-2 1000; "ldm_cosine", Schedule.cosine 1000 ] do
        matches (at [ name; "betas" ] golden) (times |> Array.map (fun t -> table.Beta[t]))
        matches (at [ name; "alphas_cumprod" ] golden) (times |> Array.map (fun t -> table.AlphaBar[t]))

    let tables = at [ "tables" ] (load "sched_tables_add_noise")
    let index = integers [ "index" ] tables
    let table = Schedule.scaledLinear 8.5e-4 1.2e-2 1000
    within 1e-15 (numbers [ "betas_f64" ] tables) (index |> Array.map (fun t -> table.Beta[t]))
    within 1e-14 (numbers [ "alphas_cumprod_f64" ] tables) (index |> Array.map (fun t -> table.AlphaBar[t]))
    within 1e-10 [| number [ "alphas_cumprod_f64_sum" ] tables |] [| Array.sum table.AlphaBar |]

[<Test; Category "L4">]
let ``noising is that of the Stable Diffusion scheduler`` () =
    let golden = load "sched_tables_add_noise"

    let input name =
        tensor (number [ "inputs"; name; "scale" ] golden) (text [ "inputs"; name; "name" ] golden) 720
        |> Array.chunkBySize 144

    let table = Schedule.scaledLinear 8.5e-4 1.2e-2 1000

    Array.map3 (fun t x0 eps -> Forward.noised table t x0 eps) (integers [ "inputs"; "timesteps" ] golden) (input "x0") (input "noise")
    |> Array.concat
    |> samples (number [ "tolerance"; "add_noise"; "suggested_atol" ] golden) (at [ "outputs"; "add_noise" ] golden)

[<Test; Category "L9">]
let ``guidance is that of the Stable Diffusion pipeline`` () =
    let golden = load "cfg_combination"

    let conditional, unconditional = tensor 1.0 "cfg.cond" 512, tensor 1.0 "cfg.uncond" 512

    for scale, key in [ 1.0, "guided_1"; 7.5, "guided_7.5"; 9.0, "guided_9" ] do
        for strength in [ Guidance.Scale scale; Guidance.Weight(scale - 1.0) ] do
            Guidance.combine strength conditional unconditional
            |> samples (number [ "tolerance"; "suggested_atol" ] golden) (at [ "outputs"; key ] golden)

/// The golden's model "mix":  ½·x·t/(t+1) + 0.3·tanh(x rolled by one along rows of 8) + 0.1·cos(t/100);  "ratio": x·t/(t+1)
let private model name (x: float[]) (t: int) =
    let ratio value = value * (float t / float (t + 1))

    match name with
    | "ratio" -> Array.map ratio x
    | _ ->
        x
        |> Array.mapi (fun i value -> 0.5 * ratio value + 0.3 * tanh x[i / 8 * 8 + (i % 8 + 7) % 8] + 0.1 * cos (float t / 100.0))

[<Test; Category "L6">]
let ``DDIM trajectories, eta 0 and 1, plain and guided, are those of the latent diffusion sampler`` () =
    let table = Schedule.scaledLinear 8.5e-4 1.2e-2 1000

    let cases =
        load "sched_compvis_sd"
        |> items [ "cases" ]
        |> Array.filter (fun case -> text [ "sampler" ] case = "DDIMSampler")

    let conditional, unconditional = tensor 0.2 "sched.x.cond" 512, tensor 0.2 "sched.x.uncond" 512

    for case in cases do
        let sample = at [ "sample" ] case
        let plain = model (text [ "model" ] case)

        let denoiser =
            match case.TryGetProperty "guidance" with
            | true, guidance ->
                let scale = Guidance.Scale(number [ "scale" ] guidance)
                fun x t -> Guidance.combine scale (Vector.add (plain x t) conditional) (Vector.add (plain x t) unconditional)
            | _ -> plain

        for run in items [ "runs" ] case do
            let moves = Reverse.transitions 0 (List.ofArray (integers [ "timesteps" ] run))

            let noises = moves |> List.mapi (fun k _ -> tensor 1.4142135623730951 $"noise.{k}" 512)

            let start = tensor (number [ "scale" ] sample) (text [ "name" ] sample) 512

            Reverse.sample (Reverse.ddim (number [ "eta" ] case) Reverse.Unbounded table) denoiser noises moves start
            |> samples (number [ "tolerance"; "suggested_atol" ] run) (at [ "final_sample" ] run)

[<Test; Category "L7">]
let ``the published sums of the scheduler tests that draw no noise come out`` () =
    let loops = load "sched_published_full_loops" |> items [ "loops" ]

    let find test =
        loops
        |> Array.find (fun loop -> text [ "test" ] loop = test && text [ "scheduler" ] loop = "DDIMScheduler")

    let start = Array.init 768 (fun k -> float (k % 192 * 4 + k / 192) / 768.0)

    for test, final in
        [ "test_full_loop_no_noise", -1
          "test_full_loop_with_set_alpha_to_one", -1
          "test_full_loop_with_no_set_alpha_to_one", 0 ] do
        let loop = find test
        let config = at [ "config" ] loop

        let table = Schedule.linear (number [ "beta_start" ] config) (number [ "beta_end" ] config) 1000

        let moves = Reverse.transitions final [ for t in numbers [ "timesteps_run" ] loop -> int t ]

        let silence = moves |> List.map (fun _ -> Array.zeroCreate 768)

        let last = Reverse.sample (Reverse.ddim 0.0 (Reverse.Within 1.0) table) (model "ratio") silence moves start

        let published = items [ "published"; "result_sum" ] loop |> Array.exactlyOne
        within (number [ "tolerance" ] published) [| number [ "value" ] published |] [| Array.sumBy abs last |]

[<Test; Category "L32">]
let ``Adam is PyTorch's`` () =
    let golden = at [ "outputs" ] (load "adam")

    for run in items [ "runs" ] golden do
        let betas = numbers [ "hyper"; "betas" ] run

        let settings: Adam.Settings =
            { LearningRate = number [ "hyper"; "lr" ] run
              Beta1 = betas[0]
              Beta2 = betas[1]
              Epsilon = number [ "hyper"; "eps" ] run
              WeightDecay = number [ "hyper"; "weight_decay" ] run }

        for shape in (at [ "shapes" ] golden).EnumerateObject() do
            let theta = parameter "pub.adam." shape.Name (integers [] shape.Value)

            let scale =
                match shape.Name with
                | "tinygrad.weight" -> 1e-8
                | "zerograd.bias" -> 0.0
                | _ -> 1.0

            let follow (theta, state) (k, step) =
                let theta, state = Adam.step settings state theta (tensor scale $"pub.adam.grad.{k}.{shape.Name}" theta.Length)

                let expected = at [ shape.Name ] step
                within (number [ "sum"; "atol" ] expected) [| number [ "sum"; "value" ] expected |] [| Array.sum theta |]

                match expected.TryGetProperty "values" with
                | true, values -> matches values theta
                | _ -> ()

                theta, state

            items [ "steps" ] run
            |> Array.indexed
            |> Array.fold follow (theta, Adam.start theta.Length)
            |> ignore

/// The number after "scale" at the end of a rule such as "inp(name, shape, scale 0.01)".
let private scaleIn (rule: string) =
    Double.Parse((rule.Substring(rule.LastIndexOf "scale " + 6)).TrimEnd ')')

[<Test; Category "L35">]
let ``clipping is PyTorch's, over all parameters of a network together`` () =
    let golden = load "ema_clip"
    let names = items [ "param_names" ] golden |> Array.map (text [])
    let sizes = integers [ "param_numel" ] golden

    let unscaled = Array.map2 (fun name n -> tensor 1.0 ("pub.ema_clip.grad." + name) n) names sizes |> Array.concat

    let bias = Array.findIndex ((=) "conv_out.bias") names
    let offset = Array.sum (Array.truncate bias sizes)

    for case in items [ "outputs"; "clip" ] golden do
        let scale = scaleIn (text [ "grad_rule" ] case)
        let gradient = unscaled |> Array.map (fun g -> float (float32 (scale * g)))
        within (number [ "total_norm_before"; "atol" ] case) [| number [ "total_norm_before"; "f64" ] case |] [| Vector.norm gradient |]
        let clipped = Clip.toNorm (number [ "max_norm" ] case) gradient
        matches (at [ "conv_out_bias_after" ] case) (Array.sub clipped offset sizes[bias])

[<Test; Category "L34">]
let ``the moving average is that of the DDIM code base`` () =
    let golden = load "ema_clip"

    for run in items [ "outputs"; "ema" ] golden do
        let scale = scaleIn (text [ "delta_rule" ] run)

        for name, shape in [ "null_classes_emb", [| 32 |]; "conv_out.bias", [| 3 |] ] do
            let theta = parameter "" name shape

            let follow (theta: float[], shadow) (k, update) =
                let delta = tensor scale $"pub.ema_clip.delta.{k}.{name}" theta.Length
                let theta = Vector.add theta delta
                let shadow = Ema.update (number [ "mu" ] run) shadow theta
                matches (at [ "small"; name ] update) shadow
                theta, shadow

            items [ "updates" ] run |> Array.indexed |> Array.fold follow (theta, theta) |> ignore

[<Test; Category "L16">]
let ``SFR-on's adaptive loss and cosine decay are those of its code`` () =
    let golden = at [ "outputs" ] (load "sfron_adaptive_loss")

    for run in items [ "runs" ] golden do
        let losses = numbers [ "per_sample_loss"; "values" ] run
        let weights = SfrOn.weights (number [ "lambd" ] run) losses
        let n = float losses.Length
        matches (at [ "coef_normalised" ] run) (weights |> Array.map (fun w -> w / n))
        matches (at [ "adaptive_per_sample" ] run) (Array.map2 (*) weights losses)
        within (number [ "adaptive_loss"; "atol" ] run) [| number [ "adaptive_loss"; "value" ] run |] [| SfrOn.adaptive weights losses |]

    for case in items [ "cosine_lr_scheduler" ] golden do
        let step, steps = (at [ "step" ] case).GetInt32(), (at [ "T_max" ] case).GetInt32()
        Expect.near 1e-8 (number [ "value"; "f64" ] case) (SfrOn.cosine (number [ "base" ] case) step steps)

let private frechetCases = [ "constant_columns"; "identical"; "n500_d64"; "n64_d16"; "singular_n32_d64" ]

[<Test; Category "L36">]
let ``the Fréchet distance is that of four code bases`` ([<ValueSource("frechetCases")>] name: string) =
    let golden = load ("fid_frechet_" + name)

    let moments key = Frechet.moments (features (at [ "inputs"; key ] golden))

    let a, b = moments "A", moments "B"
    let distance = Frechet.distance a b
    let tolerance = number [ "tolerance"; "suggested_atol" ] golden

    for check in [ "check_frechet_symmetric_eigen"; "check_frechet_by_singular_values_of_centred_product" ] do
        within tolerance [| number [ "outputs"; check ] golden |] [| distance |]

    for reference in (at [ "outputs"; "frechet" ] golden).EnumerateObject() do
        if not (reference.Name.Contains "float32") then
            within tolerance [| reference.Value.GetDouble() |] [| distance |]

    let moments = number [ "tolerance"; "suggested_rtol_moments" ] golden
    within (moments * 10.0) [| number [ "outputs"; "mu_A"; "sum" ] golden |] [| Array.sum a.Mean |]

    within
        (moments * 100.0)
        [| number [ "outputs"; "trace_sigma_A" ] golden |]
        [| Seq.sum (seq { for i in 0 .. a.Mean.Length - 1 -> a.Covariance[i, i] }) |]

[<Test; Category "L36">]
let ``KID is that of two code bases, whole and by subsets`` () =
    let golden = load "fid_kid_n64_d16"

    let a, b = features (at [ "inputs"; "A" ] golden), features (at [ "inputs"; "B" ] golden)

    within 1e-10 [| number [ "outputs"; "mmd2_first_min(n,m)_rows"; "unbiased" ] golden |] [| Kid.distance a b |]

    let subsets = at [ "outputs"; "subsets" ] golden

    items [ "indices_A_B" ] subsets
    |> Array.map (fun pair ->
        let rows = items [] pair |> Array.map (integers [])
        Kid.distance (rows[0] |> Array.map (fun i -> a[i])) (rows[1] |> Array.map (fun i -> b[i])))
    |> within 1e-10 (numbers [ "per_subset_unbiased_mmd2" ] subsets)

[<Test; Category "L36">]
let ``precision and recall are those of the guided diffusion evaluator`` ([<Values("n64_d16", "n500_d8")>] name: string) =
    let golden = load ("fid_precision_recall_" + name)

    let rounded key =
        features (at [ "inputs"; key ] golden) |> Array.map (Array.map (fun x -> float (float32 x)))

    let real, generated = rounded "A", rounded "B"

    for k in integers [ "config"; "k" ] golden do
        let expected = at [ "outputs"; "guided_diffusion float64 distances"; $"k={k}" ] golden

        Expect.equal (number [ "precision" ] expected) (PrecisionRecall.precision k real generated)
        Expect.equal (number [ "recall" ] expected) (PrecisionRecall.recall k real generated)
