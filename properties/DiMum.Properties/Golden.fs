/// The golden vectors that need no network: numbers that the authors' public code produced.
module DiMum.Properties.Golden

open System
open System.IO
open System.Text
open System.Text.Json

type Json = JsonElement

let load name =
    let path = Path.Combine(AppContext.BaseDirectory, "goldens", name + ".json")
    JsonDocument.Parse(File.ReadAllText path).RootElement

let rec at (path: string list) (json: Json) =
    match path with
    | [] -> json
    | key :: rest -> at rest (json.GetProperty key)

let number path json = (at path json).GetDouble()
let text path json = nonNull ((at path json).GetString())

let items path json = [| for item in (at path json).EnumerateArray() -> item |]

let numbers path json = items path json |> Array.map _.GetDouble()

let integers path json = items path json |> Array.map _.GetInt32()

/// The rule that stands in for stored tensors: FNV-1a of the name, a 32-bit mix of each index, u = z / 2³².
let uniform (name: string) n =
    let hash =
        Encoding.UTF8.GetBytes name
        |> Array.fold (fun h byte -> (h ^^^ uint32 byte) * 16777619u) 2166136261u

    Array.init n (fun i ->
        let z = uint32 (i + 1) * 2654435769u + hash
        let z = (z ^^^ (z >>> 16)) * 0x7FEB352Du
        let z = (z ^^^ (z >>> 15)) * 0x846CA68Bu
        float (z ^^^ (z >>> 16)) / 4294967296.0)

/// s = sin(2πu)
let sine name n = uniform name n |> Array.map (fun u -> sin (2.0 * Math.PI * u))

/// scale · s, rounded to float32
let tensor scale name n = sine name n |> Array.map (fun s -> float (float32 (scale * s)))

/// The rule for parameters: 2 or more dimensions s/√fan-in, norm scales 1 + 0.1 s, other vectors 0.1 s; class embeddings √2 s.
let parameter (prefix: string) (name: string) (shape: int[]) =
    let n = Array.fold (*) 1 shape

    let value s =
        if name.EndsWith "classes_emb" || name.EndsWith "classes_emb.weight" then
            1.4142135623730951 * s
        elif shape.Length > 1 then
            s * (1.0 / sqrt (float (n / shape[0])))
        elif name.EndsWith ".weight" then
            1.0 + 0.1 * s
        else
            0.1 * s

    sine (prefix + name) n |> Array.map (fun s -> float (float32 (value s)))

/// Feature rows X = s(name) as n×d:  a·X[i,j] + b·X[i,(j+1) mod d] + c + e·j/d, then max(0, ·) where asked
let features (spec: Json) =
    let n, d = (at [ "n" ] spec).GetInt32(), (at [ "d" ] spec).GetInt32()
    let x = sine (text [ "name" ] spec) (n * d)

    let a, b, c, e = number [ "a" ] spec, number [ "b" ] spec, number [ "c" ] spec, number [ "e" ] spec

    let relu = (at [ "relu" ] spec).GetBoolean()

    Array.init n (fun i ->
        Array.init d (fun j ->
            let value = a * x[i * d + j] + b * x[i * d + (j + 1) % d] + c + e * float j / float d

            if relu then max 0.0 value else value))
