namespace DiMum.Conformance

open FsCheck
open FsCheck.FSharp
open DiMum.Spec

/// Two or three vectors of equal length, zipped.
type Pairs = NonEmptyArray<float * float>

type Triples = NonEmptyArray<float * float * float>

/// A noise schedule by its recipe, so that a counterexample reads as one.
type Recipe =
    | Linear of first: float * last: float * steps: int
    | ScaledLinear of first: float * last: float * steps: int
    | Cosine of steps: int
    | Constant of beta: float * steps: int

    member recipe.Table =
        match recipe with
        | Linear(first, last, steps) -> Schedule.linear first last steps
        | ScaledLinear(first, last, steps) -> Schedule.scaledLinear first last steps
        | Cosine steps -> Schedule.cosine steps
        | Constant(beta, steps) -> Schedule.constant beta steps

    member recipe.Steps =
        match recipe with
        | Linear(_, _, steps)
        | ScaledLinear(_, _, steps)
        | Cosine steps
        | Constant(_, steps) -> steps

/// A schedule and a time in it.
type Moment =
    { Recipe: Recipe
      Time: int }

    member moment.Table = moment.Recipe.Table

/// Labels 0..9 of a data set whose image i has label i-th; at least one image of the forgotten class and one of the next class.
type LabelledSet =
    { Labels: int list
      Forgotten: int }

    member set.Pairs = List.indexed set.Labels
    member set.IsForgotten = fun label -> label = set.Forgotten

/// Two clouds of feature rows of one dimension, each with at least dimension + 2 rows.
[<StructuredFormatDisplay("{Text}")>]
type Clouds =
    { A: float[][]
      B: float[][] }

    /// On one line, so that a counterexample can be read.
    member clouds.Text =
        let row (values: float[]) = values |> Array.map (sprintf "%g") |> String.concat " "
        let rows cloud = cloud |> Array.map row |> String.concat ", "
        $"A [{rows clouds.A}], B [{rows clouds.B}]"

/// What a loss needs: a schedule, θ of the toy network, and a batch for each of the two terms.
[<StructuredFormatDisplay("{Text}")>]
type Scene =
    { Schedule: Recipe
      Theta: float[]
      Draws: Loss.Both<Loss.Draw<int>[]> }

    member scene.Table = scene.Schedule.Table

    /// On one line, so that a counterexample can be read.
    member scene.Text =
        let numbers (values: float[]) = values |> Array.map (sprintf "%g") |> String.concat " "

        let draw (draw: Loss.Draw<int>) =
            $"(x₀ {numbers draw.Image}, ε {numbers draw.Noise}, t {draw.Time}, c {draw.Condition})"

        let batch draws = draws |> Array.map draw |> String.concat " "

        $"{scene.Schedule}, θ {numbers scene.Theta}, retain {batch scene.Draws.Retain}, unlearning {batch scene.Draws.Unlearning}"

/// A share strictly between 0 and 1, in hundredths.
type Share = Share of float

/// Our own generators: floats are decimals of three places up to 10, never NaN or infinite, and shrink to shorter ones.
type Generators =
    static member private Decimal = Gen.choose (-10000, 10000) |> Gen.map (fun n -> float n / 1000.0)

    static member private ShrinkDecimal(x: float) =
        let n = int64 (round (x * 1000.0))

        seq {
            if n < 0L then
                -n

            for unit in [ 10000L; 1000L; 100L; 10L ] do
                n / unit * unit

            n / 2L
        }
        |> Seq.filter (fun m -> m <> n)
        |> Seq.distinct
        |> Seq.map (fun m -> float m / 1000.0)

    static member Float() : Arbitrary<float> = Arb.fromGenShrink (Generators.Decimal, Generators.ShrinkDecimal)

    /// Rows with one entry made 0 or whole.
    static member internal Simpler(rows: float[][]) : float[][] seq =
        seq {
            for i in 0 .. rows.Length - 1 do
                for j in 0 .. rows[i].Length - 1 do
                    for value in Seq.distinct [ 0.0; truncate (rows[i][j]) ] do
                        if value <> rows[i][j] then
                            Array.updateAt i (Array.updateAt j value rows[i]) rows
        }

    static member Share() : Arbitrary<Share> =
        let shares = Gen.choose (1, 99) |> Gen.map (fun n -> Share(float n / 100.0))

        let shrink (Share share) =
            [ 0.5; round (10.0 * share) / 10.0 ]
            |> Seq.filter (fun simpler -> 0.0 < simpler && simpler < 1.0 && simpler <> share && share <> 0.5)
            |> Seq.distinct
            |> Seq.map Share

        Arb.fromGenShrink (shares, shrink)

    static member Recipe() : Arbitrary<Recipe> =
        let beta = Gen.choose (1, 200) |> Gen.map (fun n -> float n / 1000.0)
        let betas = Gen.two beta |> Gen.map (fun (a, b) -> min a b, max a b)
        let steps = Gen.choose (2, 60)

        let recipe =
            Gen.oneof
                [ Gen.map2 (fun (first, last) n -> Linear(first, last, n)) betas steps
                  Gen.map2 (fun (first, last) n -> ScaledLinear(first, last, n)) betas steps
                  Gen.map Cosine steps
                  Gen.map2 (fun b n -> Constant(b, n)) beta steps ]

        let fewer n =
            [ 2; n / 2; n - 1 ] |> Seq.filter (fun m -> m >= 2 && m < n) |> Seq.distinct

        let shrink recipe =
            match recipe with
            | Linear(a, b, n) -> fewer n |> Seq.map (fun m -> Linear(a, b, m))
            | ScaledLinear(a, b, n) -> fewer n |> Seq.map (fun m -> ScaledLinear(a, b, m))
            | Cosine n -> fewer n |> Seq.map Cosine
            | Constant(b, n) -> fewer n |> Seq.map (fun m -> Constant(b, m))

        Arb.fromGenShrink (recipe, shrink)

    static member Moment() : Arbitrary<Moment> =
        let recipes = Generators.Recipe()

        let moment =
            gen {
                let! recipe = recipes.Generator
                let! time = Gen.choose (0, recipe.Steps - 1)
                return { Recipe = recipe; Time = time }
            }

        let shrink (moment: Moment) =
            seq {
                for recipe in recipes.Shrinker moment.Recipe do
                    if moment.Time < recipe.Steps then
                        { moment with Recipe = recipe }

                for time in [ 0; moment.Time / 2; moment.Time - 1 ] do
                    if 0 <= time && time < moment.Time then
                        { moment with Time = time }
            }

        Arb.fromGenShrink (moment, shrink)

    static member LabelledSet() : Arbitrary<LabelledSet> =
        let valid set =
            List.contains set.Forgotten set.Labels
            && List.contains (Pairing.nextClass 10 set.Forgotten) set.Labels

        let labelled =
            gen {
                let! forgotten = Gen.choose (0, 9)
                let! others = Gen.listOf (Gen.choose (0, 9))
                let! labels = Gen.shuffle (forgotten :: Pairing.nextClass 10 forgotten :: others)

                return { Labels = List.ofArray labels; Forgotten = forgotten }
            }

        let shrink set =
            [ for i in 0 .. set.Labels.Length - 1 -> { set with Labels = List.removeAt i set.Labels } ]
            |> Seq.filter valid

        Arb.fromGenShrink (labelled, shrink)

    static member Clouds() : Arbitrary<Clouds> =
        let clouds =
            gen {
                let! dimension = Gen.choose (1, 4)
                let! countA = Gen.choose (dimension + 2, 12)
                let! countB = Gen.choose (dimension + 2, 12)

                let rows count =
                    Gen.arrayOfLength count (Gen.arrayOfLength dimension Generators.Decimal)

                let! a = rows countA
                let! b = rows countB
                return { A = a; B = b }
            }

        let fewer (rows: float[][]) = if rows.Length > rows[0].Length + 2 then [ Array.tail rows ] else []

        let shrink clouds =
            seq {
                if clouds.A[0].Length > 1 then
                    { A = Array.map Array.tail clouds.A
                      B = Array.map Array.tail clouds.B }

                for a in Seq.append (fewer clouds.A) (Generators.Simpler clouds.A) do
                    { clouds with A = a }

                for b in Seq.append (fewer clouds.B) (Generators.Simpler clouds.B) do
                    { clouds with B = b }
            }

        Arb.fromGenShrink (clouds, shrink)

    static member Scene() : Arbitrary<Scene> =
        let decimals n =
            Gen.arrayOfLength n (Gen.choose (-3000, 3000) |> Gen.map (fun k -> float k / 1000.0))

        let scene =
            gen {
                let! recipe = Generators.Recipe().Generator
                let! pixels = Gen.choose (1, 4)

                let draw =
                    gen {
                        let! image = decimals pixels
                        let! noise = decimals pixels
                        let! condition = Gen.choose (0, Toy.classes - 1)
                        let! time = Gen.choose (0, recipe.Steps - 1)

                        return
                            ({ Image = image
                               Condition = condition
                               Time = time
                               Noise = noise }
                            : Loss.Draw<int>)
                    }

                let batch = Gen.choose (1, 4) |> Gen.bind (fun n -> Gen.arrayOfLength n draw)
                let! retain = batch
                let! unlearning = batch
                let! theta = decimals Toy.parameters

                return
                    { Schedule = recipe
                      Theta = theta
                      Draws = { Retain = retain; Unlearning = unlearning } }
            }

        let fewer (batch: 'a[]) = if batch.Length > 1 then [ Array.tail batch ] else []

        // One entry at a time: to 0, or to a whole number.
        let simpler (values: float[]) =
            seq {
                for i in 0 .. values.Length - 1 do
                    for value in Seq.distinct [ 0.0; truncate values[i] ] do
                        if value <> values[i] then
                            Array.updateAt i value values
            }

        let simplerDraw (draw: Loss.Draw<int>) =
            seq {
                for image in simpler draw.Image do
                    { draw with Image = image }

                for noise in simpler draw.Noise do
                    { draw with Noise = noise }

                for time in [ 0; draw.Time / 2 ] |> Seq.distinct |> Seq.filter ((>) draw.Time) do
                    { draw with Time = time }
            }

        let simplerBatch (batch: Loss.Draw<int>[]) =
            seq {
                yield! fewer batch

                for i in 0 .. batch.Length - 1 do
                    for draw in simplerDraw batch[i] do
                        Array.updateAt i draw batch
            }

        let onePixel (batch: Loss.Draw<int>[]) =
            batch
            |> Array.map (fun draw ->
                { draw with
                    Image = Array.truncate 1 draw.Image
                    Noise = Array.truncate 1 draw.Noise })

        let shrink scene =
            seq {
                if scene.Draws.Retain[0].Image.Length > 1 then
                    { scene with
                        Draws =
                            { Retain = onePixel scene.Draws.Retain
                              Unlearning = onePixel scene.Draws.Unlearning } }

                for retain in simplerBatch scene.Draws.Retain do
                    { scene with Draws.Retain = retain }

                for unlearning in simplerBatch scene.Draws.Unlearning do
                    { scene with Draws.Unlearning = unlearning }

                for theta in simpler scene.Theta do
                    { scene with Theta = theta }
            }

        Arb.fromGenShrink (scene, shrink)
