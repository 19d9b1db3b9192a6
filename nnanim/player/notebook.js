(() => {
  const frame = document.currentScript.previousElementSibling;
  frame.previousElementSibling.remove(); // the picture is for notebooks that run no scripts
  addEventListener("message", (event) => {
    if (event.source !== frame.contentWindow || !(event.data.nnanimHeight > 0)) return;
    frame.style.height = `${Math.min(event.data.nnanimHeight, 5000)}px`;
  });
})();
