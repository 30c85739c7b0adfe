"use strict";
// Draws each plot when it comes near the view: a page of 60 plots opens at once.
(() => {
  const figures = JSON.parse(document.getElementById("plots").textContent);
  const places = document.querySelectorAll(".plot");
  const options = { responsive: true, displaylogo: false, displayModeBar: false };

  function draw(place) {
    if (place.dataset.drawn) return;
    place.dataset.drawn = "yes";
    const { data, layout } = figures[Number(place.dataset.plot)];
    Plotly.newPlot(place, data, layout, options);
  }

  function drawAll() {
    places.forEach(draw);
  }

  if (!("IntersectionObserver" in window)) {
    drawAll();
    return;
  }
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      observer.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "800px" });
  places.forEach((place) => observer.observe(place));
  window.addEventListener("beforeprint", drawAll);
  window.drawAllPlots = drawAll;
})();
