// Runs the page's script, which lies in it compressed. The page's policy knows the script by its digest, so nothing else
// that might come out would run.
(async () => {
  const source = document.getElementById("part-script").textContent;
  try {
    const bytes = Uint8Array.from(atob(source), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const text = await new Response(stream).text();

    const policy = globalThis.trustedTypes?.createPolicy("lab-script", { createScript: (script) => script });
    const script = document.createElement("script");
    script.id = "lab-script";
    script.textContent = policy ? policy.createScript(text) : text;
    document.body.append(script);
  } catch (error) {
    const words = document.createElement("p");
    words.textContent = `This browser cannot run the lab. One of 2023 or later can. (${error.message})`;
    document.body.prepend(words);
  }
})();
