/// PNDM (Liu et al. 2022): linear multistep on ε̂ at equally spaced times, every step DDIM's with η = 0.
module DiMum.Spec.Pndm

/// Adams–Bashforth's mean of the last outputs, newest first
let mean (outputs: float[] list) =
    let weights =
        match min 4 outputs.Length with
        | 1 -> [ 1.0 ]
        | 2 -> [ 3.0 / 2.0; -1.0 / 2.0 ]
        | 3 -> [ 23.0 / 12.0; -16.0 / 12.0; 5.0 / 12.0 ]
        | _ -> [ 55.0 / 24.0; -59.0 / 24.0; 37.0 / 24.0; -9.0 / 24.0 ]

    List.map2 Vector.scale weights (List.truncate 4 outputs) |> Vector.sum

/// From here on by steps of `gap`; `transfer t s x ε̂`, time t, and the outputs before it.
let rec private plms transfer predict gap (x: float[]) t known count =
    if count = 0 then
        x
    else
        let known = predict x t :: known
        plms transfer predict gap (transfer t (t - gap) x (mean known)) (t - gap) known (count - 1)

/// Stable Diffusion's: the first of `count` steps with the mean of the outputs at both its ends.
let short transfer (predict: float[] -> int -> float[]) gap t count x =
    let first = predict x t
    let other = predict (transfer t (t - gap) x first) (t - gap)
    let x = transfer t (t - gap) x (Vector.scale 0.5 (Vector.add first other))
    plms transfer predict gap x (t - gap) [ first ] (count - 1)

/// The paper's: three steps of Runge and Kutta's kind, then linear ones.
let full transfer (predict: float[] -> int -> float[]) gap t count x =
    let rungeKutta (x, known) k =
        let t = t - k * gap
        let middle = t - gap / 2
        let e1 = predict x t
        let e2 = predict (transfer t middle x e1) middle
        let e3 = predict (transfer t middle x e2) middle
        let e4 = predict (transfer t (t - gap) x e3) (t - gap)
        let slope = Vector.sum [ e1; Vector.scale 2.0 e2; Vector.scale 2.0 e3; e4 ] |> Vector.scale (1.0 / 6.0)
        transfer t (t - gap) x slope, e1 :: known

    let x, known = List.fold rungeKutta (x, []) [ 0..2 ]
    plms transfer predict gap x (t - 3 * gap) known (count - 3)
