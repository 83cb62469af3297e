/// Improved precision and recall (Kynkäänniemi et al. 2019).
module DiMum.Spec.PrecisionRecall

let private squaredDistance (a: float[]) (b: float[]) =
    let difference = Vector.subtract a b
    Vector.dot difference difference

/// r²(x): the squared distance to the k-th nearest other point, i.e. the (k+1)-th smallest, the point itself included
let radiiSquared k (points: float[][]) =
    points |> Array.map (fun x -> (points |> Array.map (squaredDistance x) |> Array.sort)[k])

/// The share of the points that lie in the ball, border included, of at least one centre.
let coverage k (centres: float[][]) (points: float[][]) =
    let balls = Array.zip centres (radiiSquared k centres)

    let inside x =
        balls |> Array.exists (fun (centre, radius) -> squaredDistance centre x <= radius)

    float (points |> Array.filter inside |> Array.length) / float points.Length

/// Generated points on the real manifold.
let precision k (real: float[][]) (generated: float[][]) = coverage k real generated

/// Real points on the generated manifold.
let recall k (real: float[][]) (generated: float[][]) = coverage k generated real
